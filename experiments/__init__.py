"""Questions that one run does not answer: tools over several runs or many photos."""
