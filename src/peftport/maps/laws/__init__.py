"""Laws: how the tensors of each technique follow a correspondence between two hosts. They know nothing of methods."""
