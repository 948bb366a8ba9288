/**
 * What a demo hospital buys: for each kind of asset the simulator moves, the devices, what they cost and how they are kept.
 * Makers and models are invented (but for those of the commission in guide.ts), so that no real product gets a recall or a price from us.
 */
import type { AssetKind } from '../simulate/hospital.ts'

export interface DeviceType {
  readonly category: string
  readonly manufacturer: string
  readonly model: string
  /** Of vendors.ts's codes. */
  readonly vendor: string
  readonly costUsd: number
  readonly lifeYears: number
  readonly pmDays: number
  readonly risk: 'CLASS_I' | 'CLASS_II' | 'CLASS_III'
  readonly criticality: 'CRITICAL' | 'HIGH' | 'MEDIUM' | 'LOW'
  readonly method:
    | 'STRAIGHT_LINE'
    | 'DECLINING_BALANCE'
    | 'DOUBLE_DECLINING'
    | 'SUM_OF_YEARS_DIGITS'
    | 'UNITS_OF_PRODUCTION'
  /** Only for UNITS_OF_PRODUCTION. */
  readonly lifeUnits?: number
  /** Hours a day it could be in use. */
  readonly hoursPerDay: number
  readonly isLifeSupporting?: true
  readonly isCalibrated?: true
}

/** The code stands in the asset's tag number: DEMO-PUMP-0012. */
export const catalogue: Readonly<
  Record<AssetKind, { readonly code: string; readonly devices: readonly DeviceType[] }>
> = {
  'infusion pump': {
    code: 'PUMP',
    devices: [
      {
        category: 'THERAPEUTIC',
        manufacturer: 'Vessela Medical',
        model: 'Flow 200',
        vendor: 'VES001',
        costUsd: 3200,
        lifeYears: 8,
        pmDays: 365,
        risk: 'CLASS_II',
        criticality: 'HIGH',
        method: 'STRAIGHT_LINE',
        hoursPerDay: 24,
        isCalibrated: true,
      },
      {
        category: 'THERAPEUTIC',
        manufacturer: 'Northmere',
        model: 'Syrinx S4',
        vendor: 'NOR001',
        costUsd: 2450,
        lifeYears: 7,
        pmDays: 365,
        risk: 'CLASS_II',
        criticality: 'HIGH',
        method: 'SUM_OF_YEARS_DIGITS',
        hoursPerDay: 24,
        isCalibrated: true,
      },
    ],
  },
  'patient monitor': {
    code: 'MON',
    devices: [
      {
        category: 'PATIENT_MONITORING',
        manufacturer: 'Northmere',
        model: 'Vigil M7',
        vendor: 'NOR001',
        costUsd: 11_800,
        lifeYears: 8,
        pmDays: 365,
        risk: 'CLASS_II',
        criticality: 'HIGH',
        method: 'STRAIGHT_LINE',
        hoursPerDay: 24,
      },
      {
        category: 'PATIENT_MONITORING',
        manufacturer: 'Calder & Roy',
        model: 'CR-Sense 12',
        vendor: 'CAL001',
        costUsd: 9400,
        lifeYears: 8,
        pmDays: 365,
        risk: 'CLASS_II',
        criticality: 'MEDIUM',
        method: 'DOUBLE_DECLINING',
        hoursPerDay: 24,
      },
    ],
  },
  wheelchair: {
    code: 'WCH',
    devices: [
      {
        category: 'SUPPORT_EQUIPMENT',
        manufacturer: 'Halden Mobility',
        model: 'Transit 20',
        vendor: 'HAL001',
        costUsd: 480,
        lifeYears: 6,
        pmDays: 365,
        risk: 'CLASS_I',
        criticality: 'LOW',
        method: 'STRAIGHT_LINE',
        hoursPerDay: 16,
      },
    ],
  },
  bed: {
    code: 'BED',
    devices: [
      {
        category: 'SUPPORT_EQUIPMENT',
        manufacturer: 'Halden Mobility',
        model: 'Repose E3',
        vendor: 'HAL001',
        costUsd: 7600,
        lifeYears: 12,
        pmDays: 365,
        risk: 'CLASS_I',
        criticality: 'MEDIUM',
        method: 'STRAIGHT_LINE',
        hoursPerDay: 24,
      },
    ],
  },
  ventilator: {
    code: 'VENT',
    devices: [
      {
        category: 'LIFE_SUPPORT',
        manufacturer: 'Calder & Roy',
        model: 'Aeris 900',
        vendor: 'CAL001',
        costUsd: 34_500,
        lifeYears: 10,
        pmDays: 180,
        risk: 'CLASS_II',
        criticality: 'CRITICAL',
        method: 'STRAIGHT_LINE',
        hoursPerDay: 24,
        isLifeSupporting: true,
        isCalibrated: true,
      },
    ],
  },
  defibrillator: {
    code: 'DEF',
    devices: [
      {
        category: 'LIFE_SUPPORT',
        manufacturer: 'Vessela Medical',
        model: 'Pulse D2',
        vendor: 'VES001',
        costUsd: 15_200,
        lifeYears: 8,
        pmDays: 180,
        risk: 'CLASS_III',
        criticality: 'CRITICAL',
        method: 'STRAIGHT_LINE',
        hoursPerDay: 24,
        isLifeSupporting: true,
        isCalibrated: true,
      },
    ],
  },
  ultrasound: {
    code: 'US',
    devices: [
      {
        category: 'IMAGING',
        manufacturer: 'Orrin Imaging',
        model: 'Echo 5',
        vendor: 'ORR001',
        costUsd: 62_000,
        lifeYears: 7,
        pmDays: 180,
        risk: 'CLASS_II',
        criticality: 'HIGH',
        method: 'UNITS_OF_PRODUCTION',
        lifeUnits: 20_000,
        hoursPerDay: 10,
      },
    ],
  },
  'ECG cart': {
    code: 'ECG',
    devices: [
      {
        category: 'DIAGNOSTIC',
        manufacturer: 'Calder & Roy',
        model: 'Trace 12L',
        vendor: 'CAL001',
        costUsd: 6900,
        lifeYears: 8,
        pmDays: 365,
        risk: 'CLASS_II',
        criticality: 'MEDIUM',
        method: 'DECLINING_BALANCE',
        hoursPerDay: 10,
        isCalibrated: true,
      },
    ],
  },
  'blood fridge': {
    code: 'FRG',
    devices: [
      {
        category: 'LABORATORY',
        manufacturer: 'Kelda Cold',
        model: 'Haem 130',
        vendor: 'KEL001',
        costUsd: 8800,
        lifeYears: 12,
        pmDays: 180,
        risk: 'CLASS_II',
        criticality: 'CRITICAL',
        method: 'STRAIGHT_LINE',
        hoursPerDay: 24,
        isCalibrated: true,
      },
    ],
  },
}

export const vendors: readonly { code: string; name: string; type: string }[] = [
  { code: 'VES001', name: 'Vessela Medical', type: 'MANUFACTURER' },
  { code: 'NOR001', name: 'Northmere', type: 'MANUFACTURER' },
  { code: 'CAL001', name: 'Calder & Roy', type: 'MANUFACTURER' },
  { code: 'HAL001', name: 'Halden Mobility', type: 'MANUFACTURER' },
  { code: 'ORR001', name: 'Orrin Imaging', type: 'MANUFACTURER' },
  { code: 'KEL001', name: 'Kelda Cold', type: 'MANUFACTURER' },
  { code: 'BMS001', name: 'Biomed Services', type: 'SERVICE_PROVIDER' },
  { code: 'PRT001', name: 'Parts Depot', type: 'PARTS_SUPPLIER' },
]

/** Departments, and the rooms they run by the beginning of the room's name; the first that fits. */
export const departments: readonly { code: string; name: string; rooms: readonly string[] }[] = [
  { code: 'ED', name: 'Emergency', rooms: ['ED-'] },
  { code: 'RAD', name: 'Imaging', rooms: ['XRAY', 'CT-'] },
  { code: 'OR', name: 'Surgery', rooms: ['OR-', 'STERILE', 'PACU'] },
  { code: 'ANE', name: 'Anaesthesia', rooms: ['ANAESTHESIA'] },
  { code: 'ICU', name: 'Intensive care', rooms: ['ICU'] },
  { code: 'LAB', name: 'Laboratory and blood bank', rooms: ['BLOOD'] },
  { code: 'WARD', name: 'Ward 3', rooms: ['WARD', 'NURSE'] },
  { code: 'BME', name: 'Biomedical engineering', rooms: ['BIOMED', 'STORE', 'CORRIDOR', 'LIFT'] },
]
