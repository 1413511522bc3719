"""From YAML files and overrides to a checked RunConfig. Nothing below this package sees a config."""
