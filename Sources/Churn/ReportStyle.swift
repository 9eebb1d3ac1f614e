// The style of the page, in light and in dark.

enum ReportStyle {
    static let text = """
        :root { color-scheme: light dark; --paper: #fbfbf9; --card: #ffffff; --ink: #1d2125;
          --soft: #5d666f; --rule: #e1e4e8; --a: #1f6fd6; --b: #c9681a; --bad: #c62f2f;
          --good: #1b7f45; --daemon: #c62f2f; --shim: #8a4fd3; --runc: #0f8a8a; }
        @media (prefers-color-scheme: dark) { :root { --paper: #14171a; --card: #1c2024;
          --ink: #e7eaed; --soft: #9aa4ae; --rule: #32383e; --a: #6aaaf7; --b: #f0a05a;
          --bad: #f37272; --good: #5cc98a; --daemon: #f37272; --shim: #bb93f2; --runc: #56c7c7; } }
        * { box-sizing: border-box; }
        body { margin: 0; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
          font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
        main { max-width: 68rem; margin: 0 auto; }
        h1 { font-size: 1.7rem; margin: 0; display: flex; gap: .8rem; align-items: center;
          flex-wrap: wrap; }
        h2 { font-size: 1.2rem; margin: 2.6rem 0 .8rem; }
        h3 { font-size: .95rem; margin: 0 0 .35rem; font-weight: 600; }
        p { margin: .3rem 0; } .soft { color: var(--soft); }
        .verdict { font-size: .9rem; font-weight: 600; padding: .15rem .7rem; border-radius: 1rem;
          border: 1.5px solid currentColor; }
        .good { color: var(--good); } .bad { color: var(--bad); }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.8rem, 1fr));
          gap: .8rem; margin: 1.4rem 0; }
        .tile, .card { background: var(--card); border: 1px solid var(--rule);
          border-radius: .6rem; padding: .8rem 1rem; }
        .tile b { display: block; font-size: 1.45rem; font-weight: 600; line-height: 1.3;
          font-variant-numeric: tabular-nums; white-space: nowrap; }
        .tile span { color: var(--soft); font-size: .82rem; }
        .grid { display: grid; gap: .9rem;
          grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
        .two { grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
        .card { overflow-x: auto; } .wide { margin-bottom: .9rem; }
        svg { display: block; width: 100%; height: auto; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
        th, td { text-align: right; padding: .32rem .7rem; border-bottom: 1px solid var(--rule);
          white-space: nowrap; }
        th { color: var(--soft); font-weight: 600; font-size: .85rem; }
        th:first-child, td:first-child { text-align: left; padding-left: 0; }
        tr:last-child td { border-bottom: 0; }
        .checks td { text-align: left; white-space: normal; vertical-align: top; }
        .checks td:first-child { width: 5.5rem; font-weight: 600; white-space: nowrap; }
        .checks td:last-child { width: 17rem; }
        .checks td.name { width: 12rem; font-weight: 400; } .checks td.value { width: auto; }
        ul { margin: .3rem 0 0; padding-left: 1.1rem; font-size: .88rem; overflow-wrap: anywhere; }
        .legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .85rem;
          color: var(--soft); margin-bottom: .2rem; }
        .legend i { display: inline-block; width: 1.1rem; height: .2rem; border-radius: 1px;
          vertical-align: middle; margin-right: .4rem; }
        i.a { background: var(--a); } i.b { background: var(--b); }
        i.bad { background: var(--bad); }
        i.daemon { background: var(--daemon); } i.shim { background: var(--shim); }
        i.runc { background: var(--runc); }
        svg line.grid { stroke: var(--rule); stroke-width: 1; }
        .tick { fill: var(--soft); font-size: 11px; } .markText { fill: var(--ink);
          font-size: 11px; }
        .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
        .line.a { stroke: var(--a); } .line.b { stroke: var(--b); }
        .line.bad { stroke: var(--bad); }
        .bar { fill: var(--a); } svg line.mark { stroke: var(--ink); stroke-width: 1;
          stroke-dasharray: 3 3; }
        svg line.kill { stroke-width: 1.4; stroke-dasharray: 4 3; opacity: .75; }
        svg line.daemon { stroke: var(--daemon); } svg line.shim { stroke: var(--shim); }
        svg line.runc { stroke: var(--runc); }
        """
}
