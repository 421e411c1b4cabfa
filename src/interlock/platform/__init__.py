"""The platform: it speaks only real protocols and never imports an engine."""
