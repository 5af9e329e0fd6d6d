"""The bench measures what it says: its rows are real rows and its callbacks are believed."""
