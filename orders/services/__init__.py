"""The use-cases, one family per file: request_* → (send) → settle_*. See DESIGN 1."""
