"""Every stage of the workflow, told once: its names, its files, what it needs, its settings, its code."""
