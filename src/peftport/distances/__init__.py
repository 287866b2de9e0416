"""How far two hosts are from each other, and from what a module touches: from files and one forward pass."""
