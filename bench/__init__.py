"""How fast the house is, as ratios to a plain insert of the same rows on the same database, and
what each call costs the processor, as ratios to one RSA signature.

Started by ``manage.py bench`` on services and a database of its own; never on anybody's data, and
never by a test: a ratio is for people to look at.
"""
