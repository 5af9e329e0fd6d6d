"""The house under attack: real workers, a real wire, and somebody who kills things."""
