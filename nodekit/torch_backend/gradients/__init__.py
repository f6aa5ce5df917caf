"""The ways back through a solve: checkpoints, the adjoint, the interpolated adjoint; events; samples."""
