"""Can it be predicted before it is run what survives a plain copy? Over all studies that are given."""
