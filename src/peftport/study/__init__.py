"""What a study is: its settings, its grid, and how much it trains."""
