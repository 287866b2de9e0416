"""Two small hosts that come with the package; README.md beside this file says how they were made."""
