"""The third generation's wire (DaxPay 3, Java SDK ``daxpay-open-sdk``): yuan, a shared secret, MD5,
HMAC-SHA256 or SM3, addresses in camel case.

It stands beside the fourth under the same /unipay/ and is that one in other words: what it takes is
translated into the fourth's members and done by the same works. Five addresses have one name in
both; a message whose ``sign`` has 32 or 64 hexadecimal digits is of this one (``views.speaks``).
"""
