"""What goes wrong, as exceptions: one class for each result code of lemnos.h, all of them LemnosError."""

from typing import Dict, Optional, Type

from . import _native


class LemnosError(Exception):
    """A call of Lemnos failed; a code that this version does not know arrives as this class itself.

    The message is a whole sentence with the value that was given and what is allowed.
    """

    code: int = 0
    #: The parameter update of a training in which it failed, where it failed there.
    step: Optional[int] = None

    @property
    def name(self) -> str:
        """The code as lemnos.h names it, such as LEM_ERROR_NOT_FOUND."""
        return _native.result_name(self.code)

    @property
    def message(self) -> str:
        return str(self)


class InvalidArgumentError(LemnosError, ValueError):
    """A value is outside what is allowed."""


class InvalidStateError(LemnosError, RuntimeError):
    """The call does not fit the object's state; it was closed, or a training has diverged."""


class NotFoundError(LemnosError, LookupError):
    """There is no file, operator, model … of that name."""


class OutOfHostMemoryError(LemnosError, MemoryError):
    """The machine's memory does not suffice."""


class OutOfDeviceMemoryError(LemnosError, MemoryError):
    """The device's memory, or the limit that was set for it, does not suffice."""


class UnsupportedError(LemnosError, NotImplementedError):
    """This device or build cannot do it."""


class NoDeviceError(LemnosError, RuntimeError):
    """There is no Vulkan loader, driver or matching device; the message says what to do."""


class DeviceLostError(LemnosError, RuntimeError):
    """The device failed; close it and open it again."""


class DeviceClosedError(LemnosError, RuntimeError):
    """The object's device was closed."""


class WaitTimeoutError(LemnosError, TimeoutError):
    """The device did not answer in time."""


class FileUnreadableError(LemnosError, OSError):
    """The system refused to read the file."""


class FileMalformedError(LemnosError, ValueError):
    """The file was read, and is not what it should be."""


class FileUnwritableError(LemnosError, OSError):
    """Nothing was written; an existing file is as it was."""


class InternalError(LemnosError, RuntimeError):
    """A fault of the library; please report the message."""


CLASSES: Dict[int, Type[LemnosError]] = {
    _native.ERROR_INVALID_ARGUMENT: InvalidArgumentError,
    _native.ERROR_INVALID_STATE: InvalidStateError,
    _native.ERROR_NOT_FOUND: NotFoundError,
    _native.ERROR_OUT_OF_HOST_MEMORY: OutOfHostMemoryError,
    _native.ERROR_OUT_OF_DEVICE_MEMORY: OutOfDeviceMemoryError,
    _native.ERROR_UNSUPPORTED: UnsupportedError,
    _native.ERROR_NO_DEVICE: NoDeviceError,
    _native.ERROR_DEVICE_LOST: DeviceLostError,
    _native.ERROR_DEVICE_CLOSED: DeviceClosedError,
    _native.ERROR_TIMEOUT: WaitTimeoutError,
    _native.ERROR_FILE_UNREADABLE: FileUnreadableError,
    _native.ERROR_FILE_MALFORMED: FileMalformedError,
    _native.ERROR_FILE_UNWRITABLE: FileUnwritableError,
    _native.ERROR_INTERNAL: InternalError,
}
for _code, _class in CLASSES.items():
    _class.code = _code
_native.register_failures(LemnosError, CLASSES)
