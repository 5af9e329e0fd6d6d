"""The hosted checkout: pages on which a merchant's customer chooses how to pay, and pays.

The pages and the unsigned addresses that their script calls (``gateway.api.daxpay.cashier``) know a
checkout by its number alone. Its 80 random bits are the ticket: whoever has the link may look at
the order and pay it, which harms nobody; there is no login, no cookie and so nothing that another
site could make the customer's browser do in his name.
"""
