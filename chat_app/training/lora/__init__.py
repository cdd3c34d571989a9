"""Teaches a model a specialty by LoRA: labelled pictures become an adapter that the engine can switch on."""
