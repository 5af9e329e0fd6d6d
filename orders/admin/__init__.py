"""The console: Django admin on unfold, built from the state machines.

Empty on purpose: settings read ``orders.admin.config`` before any model may be imported. The
registrations stand in ``orders.admin.site`` and are loaded when the app is ready.

Pages translate and never decide: every change goes through ``orders.services``, and no page
deletes anything.
"""
