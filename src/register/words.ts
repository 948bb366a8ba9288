/** The words of the register's enumerations that the API and the upgrade from v1 both take, in the order of the database's types. */
export const assetStatuses = [
  'ACTIVE',
  'IN_SERVICE',
  'IN_MAINTENANCE',
  'QUARANTINED',
  'CONDEMNED',
  'RETIRED',
  'DISPOSED',
] as const
export const deviceCategories = [
  'IMAGING',
  'LABORATORY',
  'SURGICAL',
  'PATIENT_MONITORING',
  'THERAPEUTIC',
  'LIFE_SUPPORT',
  'DIAGNOSTIC',
  'ANESTHESIA',
  'STERILIZATION',
  'SUPPORT_EQUIPMENT',
  'IT_MEDICAL',
  'OTHER',
] as const
