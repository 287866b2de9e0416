"""Porting: what a module in the target host starts from."""
