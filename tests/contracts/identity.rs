//! Who the caller is in AWS, and whom it may act for.

use saltlake::error::ErrorKind;

use super::grants::{ANALYST, CALLER};
use super::place::{Place, apart};
use crate::support::stub::{Reply, Stub};

#[test]
fn the_caller_is_known_and_whom_it_may_act_for() {
    apart("contracts::identity::the_caller_is_known_and_whom_it_may_act_for", || {
        let place = Place::bucket(&[]);
        let identity = place.run(place.backend.identity());
        assert_eq!(place.run(identity.caller_arn()), CALLER);
        assert!(place.run(identity.may_assume(ANALYST)));
        let error = place.fail(ErrorKind::Usage, identity.may_assume("arn:aws:iam::123456789012:user/anna"));
        assert!(error.to_string().contains("user/anna"), "{error}");

        for (code, wanted) in [("AccessDenied", None), ("ExpiredToken", Some("does not accept the AWS credentials"))] {
            let stub = Stub::serve(move |_| Reply {
                status: 403,
                headers: vec![("content-type", "text/xml".to_owned())],
                body: format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                     <Code>{code}</Code><Message>secret</Message></Error><RequestId>1</RequestId></ErrorResponse>"
                )
                .into_bytes(),
            });
            let place = Place::bucket(&[&format!("aws.endpoints.sts={}", stub.endpoint())]);
            let identity = place.run(place.backend.identity());
            match wanted {
                None => assert!(!place.run(identity.may_assume(ANALYST))),
                Some(part) => {
                    let error = place.fail(ErrorKind::Failed, identity.may_assume(ANALYST)).to_string();
                    assert!(error.contains(part) && !error.contains("secret"), "{error}");
                }
            }
            let asked = stub.asked();
            let body = String::from_utf8_lossy(&asked[0].body).into_owned();
            assert!(body.contains("RoleSessionName=saltlake-check") && body.contains("DurationSeconds=900"), "{body}");
        }
    });
}
