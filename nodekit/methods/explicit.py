"""Every Runge–Kutta method by name (built in lesson 03; pairs and dense output in lesson 04).

Adding a method is adding a `Tableau` here: tests/test_tableaus.py then checks its order conditions, and
tests/test_order.py measures its order, dense output included, on both backends.
"""

from nodekit.methods.high_order import DOP853, DOPRI8
from nodekit.methods.tableau import Tableau, minus, numbers, rows

_LOW_ORDER = (
    Tableau("euler", 1, (0.0,), ((),), (1.0,), "L. Euler, Institutionum calculi integralis, 1768, §650"),
    Tableau(
        "midpoint",
        2,
        numbers("0 1/2"),
        rows("", "1/2"),
        numbers("0 1"),
        "C. Runge, Math. Ann. 46, 1895",
    ),
    Tableau(
        "heun2",
        2,
        numbers("0 1"),
        rows("", "1"),
        numbers("1/2 1/2"),
        "K. Heun, Z. Math. Phys. 45, 1900 (the explicit trapezoidal rule; also called improved Euler)",
    ),
    Tableau(
        "adaptive_heun",
        2,
        numbers("0 1"),
        rows("", "1"),
        numbers("1/2 1/2"),
        "K. Heun, Z. Math. Phys. 45, 1900, with the error estimate of Euler's method",
        b_error=minus("1/2 1/2", "1 0"),
        error_order=2,
    ),
    Tableau(
        "fehlberg2",
        2,
        numbers("0 1/2 1"),
        rows("", "1/2", "1/256 255/256"),
        numbers("1/512 255/256 1/512"),
        "E. Fehlberg, Computing 6, 1970, RK1(2), of which the formula of order 2 is propagated; its estimate, a 512th "
        "of a difference of slopes, is small: errors of 300 tolerances are to be expected",
        b_error=minus("1/512 255/256 1/512", "1/256 255/256 0"),
        error_order=2,
    ),
    Tableau(
        "heun3",
        3,
        numbers("0 1/3 2/3"),
        rows("", "1/3", "0 2/3"),
        numbers("1/4 0 3/4"),
        "K. Heun, Z. Math. Phys. 45, 1900",
    ),
    Tableau(
        "rk4",
        4,
        numbers("0 1/2 1/2 1"),
        rows("", "1/2", "0 1/2", "0 0 1"),
        numbers("1/6 1/3 1/3 1/6"),
        "W. Kutta, Z. Math. Phys. 46, 1901 (the classical method)",
    ),
    Tableau(
        "rk4_38",
        4,
        numbers("0 1/3 2/3 1"),
        rows("", "1/3", "-1/3 1", "1 -1 1"),
        numbers("1/8 3/8 3/8 1/8"),
        "W. Kutta, Z. Math. Phys. 46, 1901 (the 3/8 rule)",
    ),
    Tableau(
        "bosh3",
        3,
        numbers("0 1/2 3/4 1"),
        rows("", "1/2", "0 3/4", "2/9 1/3 4/9"),
        numbers("2/9 1/3 4/9 0"),
        "P. Bogacki, L. F. Shampine, Appl. Math. Lett. 2(4), 1989",
        b_error=minus("2/9 1/3 4/9 0", "7/24 1/4 1/3 1/8"),
        error_order=3,
    ),
)

_DOPRI5_B = "35/384 0 500/1113 125/192 -2187/6784 11/84 0"
DOPRI5 = Tableau(
    "dopri5",
    5,
    numbers("0 1/5 3/10 4/5 8/9 1 1"),
    rows(
        "",
        "1/5",
        "3/40 9/40",
        "44/45 -56/15 32/9",
        "19372/6561 -25360/2187 64448/6561 -212/729",
        "9017/3168 -355/33 46732/5247 49/176 -5103/18656",
        "35/384 0 500/1113 125/192 -2187/6784 11/84",
    ),
    numbers(_DOPRI5_B),
    "J. R. Dormand, P. J. Prince, J. Comput. Appl. Math. 6(1), 1980, RK5(4)7M, with their own error weights "
    "(some libraries use two thirds of them); dense output: L. F. Shampine, Math. Comp. 46, 1986",
    b_error=minus(_DOPRI5_B, "5179/57600 0 7571/16695 393/640 -92097/339200 187/2100 1/40"),
    error_order=5,
    dense_weights=rows(
        "1 -8048581381/2820520608 8663915743/2820520608 -12715105075/11282082432",
        "0 0 0 0",
        "0 131558114200/32700410799 -68118460800/10900136933 87487479700/32700410799",
        "0 -1754552775/470086768 14199869525/1410260304 -10690763975/1880347072",
        "0 127303824393/49829197408 -318862633887/49829197408 701980252875/199316789632",
        "0 -282668133/205662961 2019193451/616988883 -1453857185/822651844",
        "0 40617522/29380423 -110615467/29380423 69997945/29380423",
    ),
    dense_order=5,
)

_TSIT5_B = (
    "0.096460766818065229518167313 0.01 0.47988965041449957477524953 1.3790085741037418931922748 "
    "-3.2900695154360806799010476 2.3247105240997739824153559 0"
)
TSIT5 = Tableau(
    "tsit5",
    5,
    numbers("0 0.161 0.327 0.9 0.98002554090450968572981028628702 1 1"),
    rows(
        "",
        "0.161",
        "-0.0084806554923569885444268743 0.33548065549235698854442687",
        "2.8971530571054934321304326 -6.3594484899750748431481599 4.3622954328695814110177273",
        "5.3258648284392566044288779 -11.74888356406282787774717 7.4955393428898362083046048 "
        "-0.092495066361755249256502079",
        "5.8614554429464200286592515 -12.920969317847109291706119 8.1593678985761586431804008 "
        "-0.071584973281400997224530543 -0.028269050394068382909003057",
        "0.096460766818065229518167313 0.01 0.47988965041449957477524953 1.3790085741037418931922748 "
        "-3.2900695154360806799010476 2.3247105240997739824153559",
    ),
    numbers(_TSIT5_B),
    "Ch. Tsitouras, Comput. Math. Appl. 62(2), 2011; dense output from the same paper",
    b_error=minus(
        _TSIT5_B,
        "0.094680755765839458074788763 0.0091835655403432530967763639 0.48777052842476157078556426 "
        "1.2342975669304789856551097 -2.70771234998352545488111 1.8666284181705870357537194 1/66",
    ),
    error_order=5,
    dense_weights=rows(
        "1 -2.7637061972748258686860968 2.9132554618219126554448629 -1.0530884977290215572405988",
        "0 0.1317 -0.2234 0.1017",
        "0 3.9302962368947515174673306 -5.941033872131504735833663 2.490627285651252793141582",
        "0 -12.411077166933677039796164 30.338188630282321652361428 -16.548102889244902719372989",
        "0 37.509313416511039183267074 -88.178904894766401086138339 47.379521962819281222970217",
        "0 -27.896526289197287792357711 65.091894674793671514376846 -34.870657861496609739603779",
        "0 1.5 -4 2.5",
    ),
    dense_order=5,
)

METHODS = {m.name: m for m in (*_LOW_ORDER, DOPRI5, TSIT5, DOPRI8, DOP853)}
