//! `waypost demo`: the whole of it.

use super::run;

#[test]
fn the_demo_delivers_and_verifies_everything_that_mailgun_has_a_webhook_for() {
    let ran = run(&["demo", "--once", "--listen", "127.0.0.1:0"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.starts_with("listening on http://127.0.0.1:"), "{}", ran.out);
    let sum = "40 events in from 5 providers · 36 deliverable to Mailgun webhooks · 36 delivered · \
               36 verified";
    assert!(ran.out.contains(sum), "{}", ran.out);
    assert_eq!(ran.out.matches("signature ✓").count(), 36, "{}", ran.out);
    for impossible in
        ["posthawk reject:", "mailstack Reject:", "wistfare email.received:", "mailingapi inbound:"]
    {
        assert!(ran.out.contains(&format!("not delivered: {impossible}")), "{impossible}");
    }
}
