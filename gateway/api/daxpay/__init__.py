"""The DaxPay door: ``/unipay/…`` as the fourth generation of DaxPay Open speaks it (RSA2, fen).

It translates and has no rules of its own: every request walks the same services as the API's. The
sources are the public SDKs of opendaxpay (Python, Node, Go, PHP, Java) and the server of
dromara/dax-pay 4.x; ``docs/doors/daxpay.md`` says what is different here and why.
"""
