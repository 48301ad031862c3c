//! What must hold of models.

use crate::audit::{AuditError, check_name};
use crate::state::State;
use ciro_crypto::model_id;

impl State {
    pub(crate) fn audit_models(&self) -> Result<(), AuditError> {
        let mut models = self.tables.models.iter();
        models.try_for_each(|(id, model)| check_name(model_id(&model.program, &model.roots) == *id, id))?;
        self.audit_jobs_on()
    }

    fn audit_jobs_on(&self) -> Result<(), AuditError> {
        let counts = self.derived_jobs_on();
        for (model, row) in self.tables.models.iter() {
            let (expected, got) = (counts.get(model).copied().unwrap_or(0), self.jobs_on(model));
            if expected != got || row.is_retired && got == 0 {
                return Err(AuditError::JobsOn { model: *model, expected, got });
            }
        }
        Ok(())
    }
}
