"""What a pipeline does with `store=`: it is one worker of a service, and shares its state with the others."""
