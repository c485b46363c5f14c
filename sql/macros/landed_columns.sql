{#- What an export may bring, filters written out: of = 'object' or 'spectrum'.  Names and types are the dictionary's. -#}
{%- macro landed_columns(of) -%}
{%- set templates = {
    'object': [
        ['object_id', 'bigint'], ['ra', 'double'], ['dec', 'double'], ['coord', 'string'],
        ['skymap_id', 'bigint'], ['tract', 'bigint'], ['patch', 'bigint'],
        ['parent_id', 'bigint'], ['nchild', 'bigint'], ['isprimary', 'boolean'],
        ['a_{band}', 'double'], ['{band}_cmodel_mag', 'double'], ['{band}_cmodel_magsigma', 'double'],
        ['{band}_cmodel_flag', 'boolean'], ['{band}_pixelflags_edge', 'boolean'],
        ['{band}_pixelflags_interpolatedcenter', 'boolean'], ['{band}_pixelflags_saturatedcenter', 'boolean'],
        ['{band}_pixelflags_crcenter', 'boolean'], ['{band}_pixelflags_bad', 'boolean'],
        ['{band}_sdsscentroid_flag', 'boolean']],
    'spectrum': [
        ['d_pos', 'double'], ['d_mag', 'double'], ['specz_name', 'string'],
        ['specz_ra', 'double'], ['specz_dec', 'double'],
        ['specz_redshift', 'double'], ['specz_redshift_err', 'double'],
        ['specz_original_flag', 'string'], ['specz_flag_homogeneous', 'boolean'], ['specz_mag_i', 'double'],
        ['specz_surveys', 'string'], ['specz_error_kind', 'string'], ['specz_class', 'string']]} -%}
{%- set columns = [] -%}
{%- for name, type in templates[of] -%}
    {%- for band in (bands() if '{band}' in name else ['']) -%}
        {%- do columns.append({'name': name | replace('{band}', band), 'type': type}) -%}
    {%- endfor -%}
{%- endfor -%}
{{ return(columns) }}
{%- endmacro -%}
