-- The runs whose predictions the catalogue holds, and what each was trained on.
select * from {{ ref('stg_photoz__runs') }}
