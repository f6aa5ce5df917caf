"""Rosenbrock methods as data (lesson 15: stiff problems). numpy_backend/rosenbrock.py takes their steps."""

from dataclasses import dataclass

import numpy as np

from nodekit.methods.tableau import numbers, rows


@dataclass(frozen=True)
class RosenbrockTableau:
    """(I/(hγ) − J) u_i = f(t + c_i h, y + Σ_j a_ij u_j) + Σ_j C_ij u_j / h + h d_i ∂f/∂t,  y(t + h) ≈ y + Σ_j b_j u_j.

    J = ∂f/∂y and ∂f/∂t are those at (t, y), and j < i: a linear system a stage, all with the same matrix, and no
    iteration. The method needs the true J: with another one it loses its order.

    Parameters
    ----------
    name : str
    order : int
    gamma : float
    c, d : (s,), the nodes, and the weights of ∂f/∂t
    a, C : s rows, row i of i entries
    b, b_error : (s,)
        Σ b_error·u is the solution minus the embedded one.
    error_order : int
        The error estimate is O(h^error_order).
    dense : 3 rows of s
        y(t + θh) ≈ (1 − θ) y + θ (y1 + (1 − θ) (p_0 + θ (p_1 + θ p_2))), p = dense @ u.
    dense_order : int
        Order of the dense output, seen over the whole interval.
    source : str

    Raises
    ------
    ValueError
        When c or d contradict a, C and gamma.

    Source: Hairer, Wanner, Solving Ordinary Differential Equations II, 1996, section IV.7, equation 7.25.
    """

    name: str
    order: int
    gamma: float
    c: tuple[float, ...]
    d: tuple[float, ...]
    a: tuple[tuple[float, ...], ...]
    C: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    b_error: tuple[float, ...]
    error_order: int
    dense: tuple[tuple[float, ...], ...]
    dense_order: int
    source: str
    family = "rosenbrock"
    adaptive = True

    def __post_init__(self):
        alpha, gamma, _ = self.plain()
        for what, sums in (("c", alpha.sum(axis=1)), ("d", gamma.sum(axis=1))):
            if not np.allclose(getattr(self, what), sums, rtol=0, atol=1e-11):
                raise ValueError(f"Rosenbrock method {self.name!r}: {what} is not {sums.tolist()}.")

    def plain(self):
        """alpha (s, s), gamma (s, s) and b (s,) of the same method written without u = Γk: y1 = y + h Σ b_j k_j,

        k_i = f(t + c_i h, y + h Σ alpha_ij k_j) + h J Σ gamma_ij k_j + h d_i ∂f/∂t. In these the order conditions are
        written (IV.7.11).
        """
        a, C = square(self.a), square(self.C)
        gamma = np.linalg.inv(np.eye(len(a)) / self.gamma - C)
        return a @ gamma, gamma, np.array(self.b) @ gamma


def square(rows):
    """Rows of 0, 1, ... entries as a strictly lower triangular matrix."""
    return np.array([[*row, *[0.0] * (len(rows) - len(row))] for row in rows])


_ROW5 = "-7.502846399306121 2.561846144803919 -11.627539656261098 -0.18268767659942256 0.030198172008377946"

RODAS5P = RosenbrockTableau(
    name="rodas5p",
    order=5,
    gamma=0.21193756319429014,
    c=numbers("0 0.6358126895828704 0.4095798393397535 0.9769306725060716 0.4288403609558664 1 1 1"),
    d=numbers(
        "0.21193756319429014 -0.42387512638858027 -0.3384627126235924 1.8046452872882734 2.325825639765069 0 0 0"
    ),
    a=rows(
        "",
        "3",
        "2.849394379747939 0.45842242204463923",
        "-6.954028509809101 2.489845061869568 -10.358996098473584",
        "2.8029986275628964 0.5072464736228206 -0.3988312541770524 -0.04721187230404641",
        _ROW5,
        _ROW5 + " 1",
        _ROW5 + " 1 1",
    ),
    C=rows(
        "",
        "-14.155112264123755",
        "-17.97296035885952 -2.859693295451294",
        "147.12150275711716 -1.41221402718213 71.68940251302358",
        "165.43517024871676 -0.4592823456491126 42.90938336958603 -5.961986721573306",
        "24.854864614690072 -3.0009227002832186 47.4931110020768 5.5814197821558125 -0.6610691825249471",
        "30.91273214028599 -3.1208243349937974 77.79954646070892 34.28646028294783 -19.097331116725623 "
        "-28.087943162872662",
        "37.80277123390563 -3.2571969029072276 112.26918849496327 66.9347231244047 -40.06618937091002 "
        "-54.66780262877968 -9.48861652309627",
    ),
    b=numbers(_ROW5 + " 1 1 1"),
    b_error=numbers("0 0 0 0 0 0 0 1"),
    error_order=5,
    dense=rows(
        "25.948786856663858 -2.5579724845846235 10.433815404888879 -2.3679251022685204 0.524948541321073 "
        "1.1241088310450404 0.4272876194431874 -0.17202221070155493",
        "-9.91568850695171 -0.9689944594115154 3.0438037242978453 -24.495224566215796 20.176138334709044 "
        "15.98066361424651 -6.789040303419874 -6.710236069923372",
        "11.419903575922262 2.8879645146136994 72.92137995996029 80.12511834622643 -52.072871366152654 "
        "-59.78993625266729 -0.15582684282751913 4.883087185713722",
    ),
    dense_order=5,
    source="G. Steinebach, Construction of Rosenbrock–Wanner method Rodas5P and numerical benchmarks within the "
    "Julia Differential Equations package, BIT Numer. Math. 63:27, 2023",
)

METHODS = {RODAS5P.name: RODAS5P}
