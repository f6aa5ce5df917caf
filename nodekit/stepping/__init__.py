"""Which attempts count, and how long the next one is: the loop, the controller, the step, what a stepper is."""
