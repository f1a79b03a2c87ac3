"""Errors that a user can act on.

Every message is one line that says what was found, where, what was expected and what to do.
Commands print that line and exit with status 2; anything else that escapes is a bug and keeps its
traceback.
"""


class GanTTSError(Exception):
    """Base of every error that a user can act on."""


class HparamsError(GanTTSError):
    """A hyper-parameter file or override is wrong."""


class AudioError(GanTTSError):
    """A recording cannot be used."""


class CorpusError(GanTTSError):
    """A folder of recordings is not a corpus that can be read."""


class TextError(GanTTSError):
    """A text cannot be read."""


class FeatureStoreError(GanTTSError):
    """A feature store is missing, incomplete or damaged."""


class MelSpecMismatchError(GanTTSError):
    """Two parts were made with different mel definitions."""


class CheckpointError(GanTTSError):
    """A run directory or checkpoint is missing, incomplete or does not fit."""


class PortingError(GanTTSError):
    """A foreign state dict does not fit the network."""


class ExportError(GanTTSError):
    """A model cannot be exported or an export cannot be loaded."""


class EvaluationError(GanTTSError):
    """A metric cannot be computed."""
