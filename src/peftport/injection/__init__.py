"""How modules are put into hosts, and taken out again."""
