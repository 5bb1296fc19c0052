"""One step, one file, named as in YAML. `botkit.flow.registry.load_steps` imports them all."""
