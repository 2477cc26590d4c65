"""What C, C++ and CUDA helpers do, by their values: read as trees, run abstractly, answered in recipes."""
