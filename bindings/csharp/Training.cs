#nullable enable
using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Lemnos
{
    /// <summary>How parameters are updated.</summary>
    public sealed unsafe partial class Optimizer
    {
    }

    /// <summary>The learning rate and the batch over time.</summary>
    public sealed unsafe partial class Schedule
    {
    }

    /// <summary>Trains a model on a data set: <see cref="Step"/> by step, in a loop over <see cref="Run"/>, or in an asynchronous
    /// one over <see cref="RunAsync"/>.</summary>
    public sealed partial class Trainer
    {
        /// <summary>Makes one step after the other and says where the training stands after each; the last is of all steps.
        /// Leaving the loop leaves the training where it is.</summary>
        public IEnumerable<Progress> Run()
        {
            while (Advance() is Progress progress) yield return progress;
        }

        /// <summary>As <see cref="Run"/>, while the caller's thread is free: <c>await foreach (var progress in
        /// trainer.RunAsync())</c>. Cancelling stops it between two steps.</summary>
        public async IAsyncEnumerable<Progress> RunAsync([EnumeratorCancellation] CancellationToken cancellation = default)
        {
            while (await Task.Run(Advance, cancellation).ConfigureAwait(false) is Progress progress) yield return progress;
        }

        private Progress? Advance()
        {
            if (!Step()) return null;
            var progress = Progress(false);
            return progress.Step < progress.Steps ? progress : Progress(true);
        }
    }
}
