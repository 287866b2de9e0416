"""What a process does around the one stage that it carries out: log, checks, checkpoints, signals, progress."""
