"""LatentODE: its ELBO against exact Gaussian formulas, its paths against exponentials, masks, gradients, errors."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from nodekit.models.series import LatentODE, Series, gaussian_kl
from tests.models.series.recordings import given

F64 = torch.float64
A = np.array([[-0.1, 2.0, 0.4], [-1.5, -0.3, 0.0], [0.3, 0.5, -0.2]])
C = np.array([[1.0, 0.3, -0.2], [0.2, -0.5, 0.8]])


class Linear(torch.nn.Module):
    def __init__(self, matrix=A):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(matrix))

    def forward(self, t, z):
        return z @ self.weight.T


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def model(**options):
    torch.manual_seed(0)
    decoder = torch.nn.Linear(3, 2, bias=False)
    decoder.weight.data = torch.tensor(C)
    options = {"t0": 0.0, "noise": 0.4, "rtol": 1e-10, "atol": 1e-12} | options
    return LatentODE(Linear(), decoder, latent=3, dim=2, hidden=6, **options).to(F64)


def test_kl_is_its_integral():
    """The formula against numerical integration, one number at a time, added up."""
    mean, std = torch.tensor([0.7, -1.2, 0.0], dtype=F64), torch.tensor([0.4, 1.5, 1.0], dtype=F64)
    z = np.linspace(-18, 18, 40001)
    total = 0.0
    for m, s in zip(mean.tolist(), std.tolist(), strict=True):
        log_q = -0.5 * ((z - m) / s) ** 2 - math.log(s) - 0.5 * math.log(2 * math.pi)
        total += np.sum(np.exp(log_q) * (log_q + 0.5 * z**2 + 0.5 * math.log(2 * math.pi))) * (z[1] - z[0])
    assert gaussian_kl(mean, std).item() == pytest.approx(total, abs=1e-10)
    assert gaussian_kl(torch.zeros(2, 3), torch.ones(2, 3)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("t0", [0.0, -1.0])
@pytest.mark.parametrize("kl_weight", [1.0, 0.3])
def test_loss_is_minus_the_elbo(t0, kl_weight):
    """For the drawn starts: paths by matrix exponentials, seen numbers alone, the divergence, the mean over samples."""
    net, recordings = model(t0=t0), given()
    batch = Series.of(recordings)
    loss = net.loss(batch, kl_weight=kl_weight, samples=5, generator=seeded(1)).item()
    starts = net.sample(batch, 5, seeded(1)).detach().numpy()
    mean, std = (part.detach() for part in net.encode(batch))
    total = 0.0
    for i, (t, x) in enumerate(recordings):
        for z0 in starts[:, i]:
            path = np.array([C @ expm(A * (s - t0)) @ z0 for s in t])
            miss = (x - path)[~np.isnan(x)] / 0.4
            total += np.sum(0.5 * miss**2 + math.log(0.4) + 0.5 * math.log(2 * math.pi)) / 5
        total += kl_weight * gaussian_kl(mean[i], std[i]).item()
    assert loss == pytest.approx(total / 3, rel=1e-8)


def test_the_bound_is_one():
    """Averaged over draws, the ELBO is below the exact log-evidence of the linear model by KL(q ‖ posterior)."""
    net, (t, x) = model(), given((5,))[0]
    batch = Series.of([(t, x)])
    seen = ~np.isnan(x)
    H, y = np.array([C @ expm(A * s) for s in t])[seen], x[seen]
    K = H @ H.T + 0.16 * np.eye(len(y))
    evidence = -0.5 * (y @ np.linalg.solve(K, y) + np.linalg.slogdet(K)[1] + len(y) * math.log(2 * math.pi))
    S = np.linalg.inv(np.eye(3) + H.T @ H / 0.16)
    m = S @ H.T @ y / 0.16
    with torch.no_grad():
        q, s = (part[0].numpy() for part in net.encode(batch))
        n = 40_000
        elbo = -net.loss(batch, samples=n, generator=seeded(2)).item()
    Q = np.diag(s**2)
    gap = 0.5 * (np.trace(np.linalg.solve(S, Q)) + (m - q) @ np.linalg.solve(S, m - q) - 3)
    gap += 0.5 * (np.linalg.slogdet(S)[1] - np.linalg.slogdet(Q)[1])
    M = H.T @ H / 0.16
    scatter = math.sqrt((0.5 * np.trace(M @ Q @ M @ Q) + np.sum((Q @ (H.T @ (y - H @ q) / 0.16)) ** 2 / s**2)) / n)
    assert abs(evidence - gap - elbo) < 4 * scatter
    assert gap > 10 * scatter


def test_others_in_the_batch_do_not_matter():
    """Shorter and longer mates, and the padding they bring, change neither q nor the paths."""
    net, recordings = model(), given((3, 8, 5))
    together = net.encode(Series.of(recordings))
    for i, recording in enumerate(recordings):
        alone = net.encode(Series.of([recording]))
        for a, b in zip(together, alone, strict=True):
            assert torch.allclose(a[i], b[0], rtol=1e-12, atol=1e-13)


def test_recognition_reads_backward():
    """encode is the GRU over rows (x, mask, gap to the time before), the last time first."""
    net, (t, x) = model(t0=-0.5), given((6,))[0]
    seen = ~np.isnan(x)
    rows = np.concatenate([np.nan_to_num(x), seen, np.diff(t, prepend=-0.5)[:, None]], 1)[::-1].copy()
    mean, log_std = net.head(net.recognition(torch.tensor(rows)[None])[1][0]).chunk(2, -1)
    got = net.encode(Series.of([(t, x)]))
    assert torch.allclose(got[0], mean)
    assert torch.allclose(got[1], log_std.exp())


@pytest.mark.parametrize("lead", [(), (4,), (2, 4)])
def test_decode_is_the_exact_path(lead):
    """At several times, at one, at t0 alone and at t0 and one more: C exp(A t) z0, of shape (..., m, dim)."""
    net, z0 = model(), torch.randn(*lead, 3, generator=seeded(3), dtype=F64)
    for times in ([0.3, 1.0, 2.5], [1.7], [0.0], [0.0, 0.9], [0.0, 0.5, 2.0]):
        got = net.decode(z0, times)
        maps = torch.tensor(np.array([C @ expm(A * t) for t in times]))
        assert torch.allclose(got, torch.einsum("mdk,...k->...md", maps, z0), atol=1e-8)


def test_own_times_are_taken_from_the_union():
    """Each sample at its own times, some of them shared, for several draws: as by decode, sample by sample."""
    net, z0 = model(), torch.randn(5, 3, 3, generator=seeded(4), dtype=F64)
    t = torch.tensor([[0.2, 1.0, 3.0], [0.0, 1.0, 1.5], [0.7, 0.7, 0.7]], dtype=F64)
    got = net.decode_own(z0, t)
    assert got.shape == (5, 3, 3, 2)
    for i in range(2):
        assert torch.allclose(got[:, i], net.decode(z0[:, i], t[i]), atol=1e-8)
    assert torch.allclose(got[:, 2, 1], net.decode(z0[:, 2], [0.7])[:, 0], atol=1e-8)


def test_predict_is_the_spread_of_the_draws():
    net, batch = model(), Series.of(given())
    mean, spread = net.predict(batch, [0.5, 6.0], 50, seeded(5))
    paths = net.decode(net.sample(batch, 50, seeded(5)), [0.5, 6.0])
    assert mean.shape == spread.shape == (3, 2, 2)
    assert torch.allclose(mean, paths.mean(0))
    assert torch.allclose(spread, paths.std(0))


def test_gradients_by_differences():
    """Of the loss, by every kind of parameter: field, decoder, recognition."""
    net, batch = model(), Series.of(given())
    names = ["field.weight", "decoder.weight", "head.weight", "recognition.weight_ih_l0"]
    values = [dict(net.named_parameters())[name].detach().clone() for name in names]
    g = torch.autograd.grad(net.loss(batch, generator=seeded(6)), [dict(net.named_parameters())[n] for n in names])
    for name, value, gradient in zip(names, values, g, strict=True):
        for index in ((0, 0), (1, 2)):
            ends = []
            for step in (1e-5, -1e-5):
                dict(net.named_parameters())[name].data[index] = value[index] + step
                ends.append(net.loss(batch, generator=seeded(6)).item())
            dict(net.named_parameters())[name].data[index] = value[index]
            assert gradient[index].item() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-6)


def test_target_other_than_what_was_read():
    """q from one part, the likelihood of the other."""
    net = model()
    shown, hidden = Series.of(given((6, 7))).split(0.4, seeded(7))
    loss = net.loss(shown, hidden, generator=seeded(8))
    paths = net.decode_own(net.sample(shown, 1, seeded(8)), hidden.t)[0]
    each = 0.5 * ((paths - hidden.x) / 0.4) ** 2 + math.log(0.4) + 0.5 * math.log(2 * math.pi)
    expected = (each * hidden.mask).sum((1, 2)) + gaussian_kl(*net.encode(shown))
    assert torch.allclose(loss, expected.mean())


def test_training_finds_the_start():
    """Only the recognition network is trained, on exact fields: the posterior mean comes near the true starts."""
    net, rng = model(rtol=1e-4, atol=1e-4), np.random.default_rng(9)
    z0, times = rng.normal(size=(200, 3)), np.linspace(0.1, 3, 12)
    maps = np.array([C @ expm(A * t) for t in times])
    x = np.einsum("tdk,nk->ntd", maps, z0) + 0.4 * rng.normal(size=(200, 12, 2))
    batch = Series.of([(times, one) for one in x])
    optimizer = torch.optim.Adam([*net.recognition.parameters(), *net.head.parameters()], 0.03)
    for _ in range(150):
        optimizer.zero_grad()
        net.loss(batch, generator=seeded(0)).backward()
        optimizer.step()
    mean, std = net.encode(batch)
    off = (mean.detach() - torch.tensor(z0)).square().mean().sqrt().item()
    assert off < 0.5  # 1 for knowing nothing
    assert std.mean().item() < 0.5


def test_copies_and_nfev():
    net = model(rtol=1e-3, atol=1e-3)
    net.loss(Series.of(given()), generator=seeded(0)).backward()
    few = net.nfev
    assert few > 0
    copy.deepcopy(net).load_state_dict(net.state_dict())
    with torch.no_grad():
        net.decode(torch.zeros(2, 3, dtype=F64), torch.linspace(0, 4, 500))
    assert net.nfev <= few + 20
    assert "latent=3" in repr(net)


BAD = {
    "field": ({"field": abs}, TypeError, "field must be an nn.Module, got builtin"),
    "decoder": ({"decoder": 3}, TypeError, "decoder must be an nn.Module"),
    "latent": ({"latent": 0}, ValueError, "latent=0 must be a whole number of at least 1"),
    "hidden": ({"hidden": 2.0}, ValueError, "hidden=2.0"),
    "noise": ({"noise": 0.0}, ValueError, "noise=0.0 must be a number greater than 0"),
    "noise as a word": ({"noise": "a"}, ValueError, "noise='a' must be a number"),
    "noise as a wish": ({"noise": True}, ValueError, "noise=True must be a number"),
    "t0": ({"t0": math.inf}, ValueError, "t0=inf"),
    "method": ({"method": "rk"}, ValueError, "rk"),
}


@pytest.mark.parametrize(("change", "kind", "words"), BAD.values(), ids=BAD)
def test_bad_arguments(change, kind, words):
    options = {"field": Linear(), "decoder": torch.nn.Linear(3, 2), "latent": 3, "dim": 2} | change
    with pytest.raises(kind, match=words):
        LatentODE(**options)


def test_bad_series_and_times():
    net, batch = model(), Series.of(given())
    with pytest.raises(TypeError, match="series must be a Series, got list"):
        net.encode(given())
    with pytest.raises(ValueError, match=r"the series has 1 components, and the model dim=2"):
        net.encode(Series.of([([0.0, 1.0], np.ones((2, 1)))]))
    with pytest.raises(ValueError, match=r"sample 1 begins at t=-0\.5, before t0=0"):
        net.encode(Series.of([([0.0, 1.0], np.ones((2, 2))), ([-0.5, 1.0], np.ones((2, 2)))]))
    with pytest.raises(ValueError, match="t=-1 lies before t0=0"):
        net.decode(torch.zeros(3, dtype=F64), [-1.0, 2.0])
    with pytest.raises(ValueError, match="strictly increasing"):
        net.decode(torch.zeros(3, dtype=F64), [1.0, 0.5])
    with pytest.raises(ValueError, match="t holds no time"):
        net.decode(torch.zeros(3, dtype=F64), [])
    with pytest.raises(ValueError, match=r"z0 has shape \(4,\); \(..., 3\)"):
        net.decode(torch.zeros(4, dtype=F64), [1.0])
    with pytest.raises(ValueError, match="samples=1 must be at least 2"):
        net.predict(batch, [1.0], 1)
    with pytest.raises(ValueError, match="target has 2 samples, and series 3"):
        net.loss(batch, batch[[0, 1]])
    for samples in (0, 2.5):
        with pytest.raises(ValueError, match=f"samples={samples}"):
            net.loss(batch, samples=samples)
    for weight in (math.nan, -1.0):
        with pytest.raises(ValueError, match=f"kl_weight={weight}"):
            net.loss(batch, kl_weight=weight)
    with pytest.raises(ValueError, match=r"t has shape \(2, 2\); \(m,\) was expected\. decode_own"):
        net.decode(torch.zeros(2, 3, dtype=F64), [[0.1, 0.2], [0.3, 0.4]])
    for z0, t in (((5, 3), (3, 4)), ((2, 3), (3, 4)), ((5, 3), (5,)), ((3,), (3, 4))):
        with pytest.raises(ValueError, match=r"\(samples, m\) and \(..., samples, latent\) fit"):
            net.decode_own(torch.zeros(z0, dtype=F64), torch.ones(t, dtype=F64))


def test_a_decoder_of_one_number_is_not_spread_over_two():
    net = LatentODE(Linear(), torch.nn.Linear(3, 1, dtype=F64), latent=3, dim=2).to(F64)
    for call in (lambda: net.loss(Series.of(given())), lambda: net.predict(Series.of(given()), [1.0])):
        with pytest.raises(ValueError, match=r"the decoder returned \(.*, 1\) for z of shape .*, and dim=2"):
            call()
