"""The 开个店 dialect: ``POST /order/…`` in its signed envelope. Translates; has no rules."""
