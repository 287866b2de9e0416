"""Where and how a host computes: device, memory of the optimiser."""
