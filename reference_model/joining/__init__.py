"""The package as one file: see :mod:`reference_model.joining.single_file`."""
