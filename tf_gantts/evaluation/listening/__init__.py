"""Listening tests: the page that asks people, and what their answers say.

stimuli    what is heard: folders of recordings at one rate and loudness, anchors, beeps
design     the trials of a test and the key that tells which sound is whose
page       the page: one HTML file (script, style)
answers    the files that the page saves
screening  listeners whose answers cannot be used, and why
analysis   means with confidence intervals over listeners and clips
"""
