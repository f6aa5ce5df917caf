"""What is said of a method or of a field: stability, stiffness, Lyapunov exponents."""
