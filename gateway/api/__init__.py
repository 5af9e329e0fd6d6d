"""The merchants' doors: one package per dialect, translations without rules of their own."""
