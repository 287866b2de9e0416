"""Controls that are about a map: what a module starts from where the map, or the basis that it leads to, is wrong."""
