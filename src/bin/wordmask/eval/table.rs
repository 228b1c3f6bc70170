//! Reports for people: percent with four decimals, so that they can be compared with a paper's and
//! with each other to the last pixel.

use wordmask::eval::{ClassIou, Report};

pub(super) fn print_report(report: &Report) {
    let width = report.iou.iter().map(|class| class.name.chars().count());
    let width = width.max().unwrap_or(0).max("pixel accuracy".len());
    println!(
        "{:>width$}  {:>9}  {:>9}  {:>9}",
        "", "IoU %", "edges %", "acc. %"
    );
    for ClassIou {
        name,
        iou,
        boundary_iou,
        accuracy,
    } in &report.iou
    {
        println!(
            "{name:>width$}  {:>9}  {:>9}  {:>9}",
            percent(*iou),
            percent(*boundary_iou),
            percent(*accuracy)
        );
    }
    for (name, number) in [
        ("mIoU", report.miou),
        ("boundary IoU", report.boundary_iou),
        ("mAcc", report.macc),
        ("pixel accuracy", report.pixel_accuracy),
    ] {
        println!("{name:>width$}  {:>9}", percent(Some(number)));
    }
    println!("{:>width$}  {:>9}", "pictures", report.pictures);
    println!(
        "{:>width$}  {:>9.3} s",
        "a picture", report.seconds_per_picture
    );
}

/// Several settings side by side, as a table in Markdown.
pub(super) fn print_table(reports: &[Report]) {
    println!(
        "| setting | background | mIoU % | boundary IoU % | mAcc % | pixel accuracy % | s a picture |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for report in reports {
        println!(
            "| {} | {} | {} | {} | {} | {} | {:.3} |",
            report.setting,
            brief(&report.background),
            percent(Some(report.miou)),
            percent(Some(report.boundary_iou)),
            percent(Some(report.macc)),
            percent(Some(report.pixel_accuracy)),
            report.seconds_per_picture
        );
    }
}

fn percent(share: Option<f64>) -> String {
    match share {
        Some(share) => format!("{:.4}", 100.0 * share),
        None => "absent".into(),
    }
}

/// Background words are many.
fn brief(background: &str) -> String {
    const SHOWN: usize = 24;
    match background.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &background[..end]),
        None => background.to_owned(),
    }
}
