//! Graphs as SVG and as pages: what they say, and that a page steps through sweeps in a browser.

use std::path::{Path, PathBuf};
use std::process::Command;
use wengert::Function;

/// e = (a + b)·(b + 1), the example of C. Olah, "Calculus on Computational Graphs" (2015).
fn example() -> Function {
    Function::trace(["a", "b"], |[a, b]| ("e", (a + b) * (b + 1.0))).unwrap()
}

/// How often a text is found.
fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn an_svg_has_a_box_for_each_node() {
    let f = example();
    let svg = f.to_svg().unwrap();
    assert_eq!((count(&svg, "class=\"node input\""), count(&svg, "class=\"node constant\"")), (2, 1));
    assert_eq!((count(&svg, "class=\"node operation\""), count(&svg, "class=\"node operation output\"")), (2, 1));
    assert_eq!((count(&svg, "class=\"edge\""), count(&svg, "class=\"partial\"")), (6, 0));
    assert!(svg.contains("<title>e of a, b</title>") && svg.ends_with("</svg>\n"), "{svg}");
    let at = f.to_svg_at(&[2.0, 1.0]).unwrap();
    for part in [">= 6<", ">∂/∂b = 5<", ">adjoint 5<", "class=\"partial\" data-edge=\"5\""] {
        assert!(at.contains(part), "no {part} in {at}");
    }
    // Five edges carry a derivative.
    assert_eq!(count(&at, "class=\"partial\""), 5);
}

#[test]
fn constants_are_drawn_at_each_use() {
    let f = Function::trace(["x'"], |[x]| (x * 3.0).sin() + (x + 3.0)).unwrap();
    for text in [f.to_svg().unwrap(), f.to_svg_at(&[1.0]).unwrap()] {
        assert_eq!(count(&text, "class=\"node constant\""), 2);
        assert!(text.contains(">x'<"), "{text}");
    }
    // An output that is a constant, and one that is an input.
    let f = Function::trace(["x"], |[x]| (("c", x * 0.0 + 2.0), ("x", x))).unwrap().simplify();
    assert!(f.to_svg().unwrap().contains(">x<"));
}

#[test]
fn partials_of_a_box_lie_apart() {
    // Two long numbers, and an operand that is taken twice.
    let f = Function::trace(["s", "k"], |[s, k]| [s / k, s * s]).unwrap();
    let svg = f.to_svg_at(&[100.0, 105.0]).unwrap();
    let mut labels: Vec<(usize, f64, usize)> = vec![];
    for text in svg.split("<text class=\"partial\" data-edge=\"").skip(1) {
        let parts: Vec<&str> = text.split(['"', '>', '<']).collect();
        labels.push((parts[0].parse().unwrap(), parts[2].parse().unwrap(), parts[6].chars().count()));
    }
    labels.sort_by_key(|label| label.0);
    assert_eq!(labels.iter().map(|label| label.2).collect::<Vec<_>>(), [10, 11, 3, 3], "{svg}");
    for pair in labels.chunks(2) {
        // A character of 11 pixels in height is some 6.6 wide.
        let apart = (pair[0].1 - pair[1].1).abs();
        assert!(apart > 6.6 * (pair[0].2 + pair[1].2) as f64 / 2.0, "{pair:?}");
    }
}

#[test]
fn arrays_and_what_is_too_large() {
    let f = Function::trace(["w[4,3]", "x[n,4]"], |[w, x]| ("loss", x.matmul(w).tanh().mean(..))).unwrap();
    assert!(f.to_svg().unwrap().contains(">matmul<"));
    assert!(f.to_html().unwrap().contains("\"shape\":\"[n,3]\""));
    assert!(f.to_html_at(&[0.0]).is_err());
    let chain = Function::trace("x", |x| (0..600).fold(x, |y, _| (y + x).sin())).unwrap();
    for error in [chain.to_svg().unwrap_err(), chain.to_html_at(&[1.0]).unwrap_err()] {
        assert!(error.to_string().contains("1201 nodes") && error.to_string().contains("to_dot"), "{error}");
        assert!(error.to_string().contains("pictures.rs"), "{error}");
    }
    assert!(example().to_svg_at(&[1.0]).unwrap_err().is_length());
}

/// A browser without a window.
fn browser() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).flat_map(|folder| names.map(|name| folder.join(name))).find(|path| path.is_file())
}

/// A folder of the test's own, which goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("wengert-pictures-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the browser on a page and gives what it prints.
fn browse(browser: &Path, folder: &Path, page: &str, options: &[&str]) -> String {
    let file = folder.join("page.html");
    std::fs::write(&file, page).unwrap();
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let fixed =
        ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"];
    let output = Command::new(browser).args(fixed).arg(profile).args(options).arg(&file).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A page that does what a script says once it is there.
fn with_script(page: &str, script: &str) -> String {
    page.replace("</body>", &format!("<script>{script}</script></body>"))
}

#[test]
fn a_page_steps_through_sweeps() {
    let Some(browser) = browser() else {
        eprintln!("no Chromium is installed: the page is not tried");
        return;
    };
    let folder = Folder::new();
    let page = example().to_html_at(&[2.0, 1.0]).unwrap();
    // Reverse, as far as b: its adjoint is 2·1 + 3·1.
    let choose = "const choose = (k) => { const s = document.getElementById('sweep'); s.value = k; s.onchange(); };
        const click = (id, n = 1) => { for (let k = 0; k < n; k++) document.getElementById(id).click(); };";
    let reverse =
        format!("{choose} choose(2); click('on', 4); document.querySelector('[data-node=\"1\"] rect').parentNode.onclick();");
    let dom = browse(&browser, &folder.0, &with_script(&page, &reverse), &["--dump-dom"]);
    let step = dom.split("id=\"step\">").nth(1).and_then(|rest| rest.split("</pre>").next()).unwrap_or_else(|| panic!("{dom}"));
    assert!(step.starts_with("adjoint(b)") && step.ends_with("= 5") && step.contains("1 × 2 + 1 × 3"), "{step}");
    assert!(dom.contains("4 of 5"), "{dom}");
    let details = dom.split("id=\"details\">").nth(1).unwrap();
    for part in ["value 1", "forward: ∂/∂a: 0", "forward: ∂/∂b: 1", "reverse: adjoints of e: 5"] {
        assert!(details.contains(part), "no {part} in {details}");
    }
    // Forward by a, to the end and a step back: d has been reached, e has not.
    let forward = format!("{choose} choose(0); click('last'); click('back');");
    let dom = browse(&browser, &folder.0, &with_script(&page, &forward), &["--dump-dom"]);
    let group = |k: usize| dom.split(&format!("data-node=\"{k}\">")).nth(1).unwrap().split("</g>").next().unwrap().to_string();
    assert!(group(4).contains("∂ 0") && !group(5).contains('∂'), "{dom}");
    // A picture of the page has the colour of the node at hand, and more of what waits when there is more that waits.
    let red = |steps: usize| {
        let shot = folder.0.join("shot.png");
        let script = format!("{choose} click('on', {steps});");
        let option = format!("--screenshot={}", shot.display());
        browse(&browser, &folder.0, &with_script(&page, &script), &[&option, "--window-size=1200,800"]);
        let mut reader = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(shot).unwrap())).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        let bytes = frame.color_type.samples();
        let is_red = |pixel: &&[u8]| pixel[0] > 190 && pixel[1] < 90 && pixel[2] < 90;
        pixels[..frame.buffer_size()].chunks(bytes).filter(is_red).count()
    };
    let (none, one, inner) = (red(0), red(1), red(3));
    // An input has no edges that lead to it; a sum has two.
    assert!(none == 0 && one > 500 && inner > one, "{none}, {one}, {inner}");
}
