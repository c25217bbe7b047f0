"""
IQM's static lists: fields, data partners, data formats, statuses.

The values are from the quickstart's column list and the reference's samples.
"""

MANDATORY_COLUMNS = [
    {"id": 2, "name": "First Name", "l2Name": "Voters_FirstName"},
    {"id": 3, "name": "Last Name", "l2Name": "Voters_LastName"},
    {"id": 4, "name": "State", "l2Name": "Residence_Addresses_State"},
    {"id": 6, "name": "Zip", "l2Name": "Residence_Addresses_Zip"},
]
VOTER_ID_COLUMNS = [{"id": 1, "name": "Voter ID", "l2Name": "LalVoterID"}]
OPTIONAL_COLUMNS = [
    {"id": 5, "name": "Address", "l2Name": "Residence_Addresses_AddressLine"},
    {"id": 7, "name": "Full Name", "l2Name": "Voters_FullName"},
    {"id": 8, "name": "City", "l2Name": "Residence_Addresses_City"},
    {"id": 9, "name": "ZipPlus4", "l2Name": "Residence_Addresses_ZipPlus4"},
    {"id": 10, "name": "Age", "l2Name": "Voters_Age"},
    {"id": 11, "name": "Gender", "l2Name": "Voters_Gender"},
    {"id": 12, "name": "Ethnicity", "l2Name": "Ethnic_Description"},
    {"id": 13, "name": "Cellphone", "l2Name": "VoterTelephones_CellphoneUnformatted"},
    {"id": 14, "name": "Landline", "l2Name": "VoterTelephones_LandlineUnformatted"},
    {"id": 15, "name": "Latitude", "l2Name": "Residence_Addresses_Latitude"},
    {"id": 16, "name": "Longitude", "l2Name": "Residence_Addresses_Longitude"},
]

# The later reference's list: (id, label, key, whether the field alone is enough for matching), in its order.
_LATER_FIELDS = [
    (1, "Voter ID", "Voters_ID", True),
    (26, "NPI ID", "NPI_ID", True),
    (2, "Email", "Email", True),
    (3, "Phone", "Phone", True),
    (4, "Full Address", "Residence_FullAddress", True),
    (5, "First Name", "Voters_FirstName", False),
    (6, "Last Name", "Voters_LastName", False),
    (7, "Zip", "Residence_Addresses_Zip", False),
    (8, "State", "Residence_Addresses_State", False),
    (9, "Street Address", "Residence_Addresses_AddressLine", False),
    (10, "Full Name", "Voters_FullName", False),
    (11, "City", "Residence_Addresses_City", False),
    (12, "ZipPlus4", "Residence_Addresses_ZipPlus4", False),
    (13, "Age", "Voters_Age", False),
    (14, "Gender", "Voters_Gender", False),
    (15, "Ethnicity", "Ethnic_Description", False),
    (16, "Latitude", "Residence_Addresses_Latitude", False),
    (17, "Longitude", "Residence_Addresses_Longitude", False),
]
LATER_COLUMNS = [
    {"id": number, "label": label, "key": key, "order": order, "isSingleColumn": single}
    for order, (number, label, key, single) in enumerate(_LATER_FIELDS, start=1)
]

VOTER_ID_COLUMN = 1
NPI_ID_COLUMN = 26
DATA_PARTNERS = [
    {"id": 1, "label": "Registered Voter ID", "keyName": "Voters_StateVoterID", "audienceColumnId": VOTER_ID_COLUMN},
    {"id": 2, "label": "L2 ID", "keyName": "LalVoterID", "audienceColumnId": VOTER_ID_COLUMN},
    {"id": 3, "label": "i360 ID", "keyName": "i360_id", "audienceColumnId": VOTER_ID_COLUMN},
    {"id": 4, "label": "TargetSmart ID", "keyName": "voterbase_id", "audienceColumnId": VOTER_ID_COLUMN},
    {"id": 6, "label": "Aristotle ID", "keyName": "aristotle_id", "audienceColumnId": VOTER_ID_COLUMN},
    {"id": 7, "label": "Healthlink ID", "keyName": "hl_npi_id", "audienceColumnId": NPI_ID_COLUMN},
    {"id": 5, "label": "Other ID", "keyName": "Other", "audienceColumnId": VOTER_ID_COLUMN},
]
DATA_FORMATS = [
    {"id": 1, "label": "Raw", "keyName": "Raw"},
    {"id": 2, "label": "Hashed (MD5)", "keyName": "MD5"},
    {"id": 3, "label": "Hashed (SHA1)", "keyName": "SHA1"},
    {"id": 4, "label": "Hashed (SHA256)", "keyName": "SHA256"},
    {"id": 5, "label": "Hashed (SHA512)", "keyName": "SHA512"},
    {"id": 6, "label": "Hashed (other)", "keyName": "Other"},
]
STATUSES = [
    {"id": 6, "status": "Failed", "displayName": "Failed"},
    {"id": 2, "status": "Pending", "displayName": "Pending"},
    {"id": 1, "status": "Processing", "displayName": "Processing"},
    {"id": 4, "status": "Rejected", "displayName": "Rejected"},
    {"id": 10, "status": "Ready", "displayName": "Ready"},
]
