"""UMF (联动优势 惠商+) for direct merchants. ``channel.py`` is the way in.

Of this dialect the provider's public page specifies the order query (订单状态同步), no more.
Its siblings are written from pages that are public for the same system: older pages with the same
field names (activescan, unifiedcode, unactivescan), and the pages for integrators (repeal, refund,
refund query, notification, settlement file). What is taken over by likeness, and stands in no page
for this dialect, is marked [inferred] where it is written; ask UMF before relying on it.
"""
