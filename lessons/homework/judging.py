"""What an assignment's answers.py judges with: numbers out of data that somebody else wrote. Never released."""

import numpy as np

from nodekit.classroom.watch import Wrong

__all__ = ["array", "by_parts", "compared", "flat", "share", "summed", "worth"]


def by_parts(inputs, *judges):
    """An assignment's `judge`, from its `inputs` and one judge(answer, given) -> (points, message) for each part."""

    def judge(part, variant, secret, answer):
        """(points, message) for the answer to one part; points are a float from 0, the message is for the student.

        answer: what came out of the notebook, any JSON. Raises Wrong, with the sentence, where it deserves nothing.
        """
        if not isinstance(answer, dict):
            raise Wrong("What was handed in is not an answer to this part.")
        if set(answer) == {"error"}:
            raise Wrong(str(answer["error"])[:200])
        return judges[part - 1](answer, inputs(part, variant, secret))

    return judge


def array(answer, name, shape):
    """answer[name] as floats of `shape`, nan where a function failed or gave another shape; and why, in words."""
    rows, out, why = answer.get(name), np.full(shape, np.nan), ""
    if not isinstance(rows, list):
        return out, f"{name}: nothing was handed in"
    if len(rows) != shape[0]:
        return out, f"{name}: {len(rows)} along the first axis, and {shape[0]} were expected"
    for i, row in enumerate(rows):
        if isinstance(row, dict):
            why = why or f"{name}: {str(row.get('error', 'no number'))[:200]}"
            continue
        try:
            value = np.array(row, float)
        except (TypeError, ValueError, OverflowError):
            why = why or f"{name}: not a number, or not an array of them"
            continue
        if value.shape != shape[1:]:
            why = why or f"{name}: shape {value.shape}, and {shape[1:]} was expected"
        elif not np.isfinite(value).all():
            why = why or f"{name}: not finite"
        else:
            out[i] = value
    return out, why


def compared(answer, name, right, steps):
    """(points, message) for answer[name] against `right` (n, ...), by steps {largest relative error: points}.

    Each of the n counts its share, for the smallest error alone; what is less exact counts by the worst of them, so
    that luck with one number is worth nothing. Between two steps points fall with the logarithm of the error, and after
    the last one to nothing within a factor of 10: nobody loses much by a little.
    """
    right = np.array(right, float)
    got, why = array(answer, name, right.shape)
    size = np.maximum(np.abs(right), 1e-3 * np.abs(right).max())
    off = (np.abs(got - right) / size).reshape(len(right), -1).max(axis=1)
    best = max(steps.values())
    share = best * float(np.mean(off <= min(steps)))  # nan counts as wrong
    points = max(share, worth(off.max(), steps))
    if not why and points < best:
        why = f"{name}: the largest relative error is {off.max():.1e}, {min(steps):g} was asked for"
    return points, why or f"{name}: right"


def worth(error, steps):
    """Points for an error, by steps {error: points}, with slopes between and behind them. 0 for nan."""
    known = sorted(steps.items())
    known.append((10 * known[-1][0], 0.0))
    errors, points = zip(*known, strict=True)
    return float(np.interp(np.log(max(error, 1e-300)), np.log(errors), points)) if error == error else 0.0


def summed(parts):
    """One (points, message) of several."""
    return sum(points for points, _ in parts), "; ".join(message for _, message in parts)


def flat(rows):
    """One list of several lists; nothing where that is not what it is."""
    return [x for row in rows for x in row] if isinstance(rows, list) and all(isinstance(r, list) for r in rows) else 0


def share(value, full, none):
    """1 up to `full`, 0 from `none` on, by the logarithm between."""
    return float(np.clip(np.log(none / max(value, 1e-12)) / np.log(none / full), 0, 1))
