"""How a scene goes on: road users, events, the driver. Every step is a pure function of a state and a control."""
