"""What is said of a method or of a field: stability, stiffness, logarithmic norms, Lyapunov exponents."""
