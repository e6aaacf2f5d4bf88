//! Our own words: a policy, or `{"policies": […]}`.

use super::Import;
use crate::policies::draft::Draft;
use crate::policies::reading::{Fault, Reading};

pub(super) fn read(reading: &Reading<'_>, import: &mut Import) -> Result<(), Fault> {
    let Some(policies) = reading.get("policies") else {
        import.drafts.push(Draft::read(reading)?);
        return Ok(());
    };
    reading.members(&["policies"])?;
    for policy in policies.list()? {
        import.drafts.push(Draft::read(&policy)?);
    }
    Ok(())
}
