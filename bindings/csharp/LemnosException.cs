#nullable enable
using System;

namespace Lemnos
{
    /// <summary>A call of Lemnos failed. Each result code has a class of its own; a code that this version does not know arrives
    /// as this class itself. The message is a whole sentence with the value that was given and what is allowed.</summary>
    public partial class LemnosException : Exception
    {
        internal LemnosException(int code, string message, long step) : base(message)
        {
            Code = code;
            Step = step < 0 ? (long?)null : step;
            HResult = unchecked((int)0xA0000000) | (code & 0xFFFF);
        }

        /// <summary>The result code of lemnos.h, such as -12.</summary>
        public int Code { get; }

        /// <summary>Its name in lemnos.h, such as LEM_ERROR_NOT_FOUND.</summary>
        public string CodeName => Library.ResultName(Code);

        /// <summary>The parameter update of a training in which it failed, where it failed there.</summary>
        public long? Step { get; }
    }
}
