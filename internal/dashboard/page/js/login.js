// Who comes from a view goes back to it.
document.forms[0].action = '/login' + location.hash
if (location.search === '?wrong') {
  document.getElementById('wrong').textContent = 'That is not the token of this service.'
}
